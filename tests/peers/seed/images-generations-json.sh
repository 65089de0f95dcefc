curl -X POST 'http://<你的IP>:<你的端口>/<平台名称>/v1/images/generations' \
--header 'Content-Type: application/json' \
--header 'Authorization: Bearer <你的许可证>' \
--data-raw '{
    "prompt": "<图片描述>",
    "model": "<平台模型>"
}'
