curl -X POST 'http://<你的IP>:<你的端口>/<平台名称>/v1/chat/completions' \
--header 'Content-Type: application/json' \
--header 'Authorization: Bearer <你的许可证>' \
--data-raw '{
    "messages": [
        {
            "role": "user",
            "content": "<对话内容>"
        }
    ],
    "model": "<平台模型>"
}'
